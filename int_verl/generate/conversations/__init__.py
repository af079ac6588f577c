"""Attempts and guided rollouts that are conversations with an environment."""
