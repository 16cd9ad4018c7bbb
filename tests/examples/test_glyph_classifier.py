import torch
from glyph_classifier import GlyphClassifier, read


def test_reading_is_the_most_likely_character_however_it_is_batched(tmp_path):
    torch.manual_seed(0)
    model = GlyphClassifier(num_classes=5, hidden_size=8).eval()
    images = torch.randn(7, 1, 32, 32)
    labels, features = read(model, images, batch_size=3)
    with torch.no_grad():
        assert torch.equal(labels, model(images).argmax(-1))
        assert torch.allclose(features, model.features(images), atol=1e-6)
    assert labels.shape == (7,) and features.shape == (7, 8)
    model.save_pretrained(tmp_path)
    loaded = GlyphClassifier.from_pretrained(tmp_path)
    assert not loaded.training and torch.equal(read(loaded, images)[1], read(model, images)[1])


def test_pictures_of_other_sizes_are_read():
    model = GlyphClassifier(num_classes=5, hidden_size=8).eval()
    assert read(model, torch.zeros(2, 1, 64, 48))[0].shape == (2,)


def test_it_learns_what_it_is_shown():
    """A bar that is upright or lies, anywhere in the picture."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    lies = torch.arange(64) % 2 == 1
    images = -torch.ones(64, 1, 16, 16)
    for image, place in zip(images, torch.randint(1, 15, (64,), generator=generator).tolist(), strict=True):
        image[:, :, place] = 1
    images = torch.where(lies[:, None, None, None], images.mT, images)
    model = GlyphClassifier(num_classes=2, hidden_size=8)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        torch.nn.functional.cross_entropy(model(images[:48]), lies[:48].long()).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert (read(model.eval(), images[48:])[0].bool() == lies[48:]).double().mean() > 0.9
