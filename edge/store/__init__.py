"""The ledger: schema, encryption, keys, people, templates, events, audit."""
