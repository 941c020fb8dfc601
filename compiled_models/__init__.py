"""Shipped compiled models: one folder a model, safetensors weights and JSON truth. Data only."""
