"""What InT is compared with: other data for SFT and other prompts for RL, made from the same problems and attempts."""
