"""New versions: a signed release, installed when nobody is there, taken back when it is not well."""
