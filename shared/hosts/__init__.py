"""Copies of ready videos at other hosts, `copies/{videoId}-{host}`, and the choice of the host that plays a video."""
