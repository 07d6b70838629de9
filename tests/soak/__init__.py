"""Long proofs: whole syncs under every fault of the service and under kills, for minutes or hours (`make soak`)."""
