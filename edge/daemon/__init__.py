"""The running daemon: the loop from frame to announcement, what the local API does, enrolment, health."""
