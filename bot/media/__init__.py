"""Pictures, sounds and videos: judged by content, decoded in a process that can be ended."""
