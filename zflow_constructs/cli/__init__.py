"""The `zflow` command: one module for each subcommand, each loading its extra only when it is used."""
