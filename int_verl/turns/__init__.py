"""Conversations with an environment: a simulated patient, customer or partner that answers the policy's turns."""
