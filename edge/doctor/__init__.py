"""What `clockface doctor` looks at: small checks, each with what was found and what to do."""
