"""The `zflow` command."""
