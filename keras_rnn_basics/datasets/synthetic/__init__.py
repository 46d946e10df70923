"""What a loader computes where no data are given: vowels from measurements, and digits that drift over a field."""
