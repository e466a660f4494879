"""Queues and the workers that empty them. The only room that imports rq; it knows nothing of detections."""
