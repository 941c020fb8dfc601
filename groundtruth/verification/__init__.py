"""Proofs of stored models, repeated from their files alone: what a proof, a certificate or a recipe claims holds."""
