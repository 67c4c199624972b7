"""Presentation attack detection, layer by layer; `edge.inference.liveness` opens it behind the seam."""
