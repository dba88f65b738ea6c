"""The local engine: runs a synthesized cloud assembly for real on one machine (extra `local`)."""
