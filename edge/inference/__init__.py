"""From pixels to a verdict: models, detection, tracking, quality, embedding, gallery, decision."""
