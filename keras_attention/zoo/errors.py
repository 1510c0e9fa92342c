"""What can go wrong with a published model: one tree under ZooError."""


class ZooError(Exception):
    """Anything that keeps a published model from being used."""


class UnknownModelError(ZooError, ValueError):
    """No published model has that name."""


class IntegrityError(ZooError):
    """A file is missing, or is not the one that was published."""


class HubError(ZooError):
    """A repository cannot be reached, or refuses to be read."""


class ConversionError(ZooError):
    """The weights of another library do not fit the model they are meant for."""


class ImageError(ZooError, ValueError):
    """A file or an array is not an image that a model can take."""
