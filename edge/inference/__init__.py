"""From pixels to a verdict: models, detection, tracking, quality, liveness, embedding, gallery, decision."""
