"""The preview's renderer: a picture and camera words become a video, on this machine and without AI."""
