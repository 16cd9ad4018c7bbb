"""What audio files hold beside sound, and how it is kept: chunks, tags, pictures, speakers, bits, byte orders."""
