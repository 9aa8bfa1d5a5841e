"""What layers compute with: primitives and their derivatives, recorded on a tape."""
