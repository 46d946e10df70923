"""Pictures of the network and of what it learned, drawn from the model itself."""
