"""Networks: the codec, the token model, and the front end of the spectrogram model; and how they load."""
