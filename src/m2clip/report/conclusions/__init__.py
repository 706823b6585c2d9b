"""What the numbers say: claims with their verdicts, the released code, and whether the data can tell."""
