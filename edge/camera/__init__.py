"""Camera sources, one file each, behind the seam edge.ports.Camera."""
