"""What can go wrong with a published model: one tree under ZooError."""


class ZooError(RuntimeError):
    """Anything that keeps a published model from being used."""


class UnknownModelError(ZooError, ValueError):
    """No published model has that name."""


class UnknownArchitectureError(UnknownModelError):
    """A published model is built in a way that this library does not know."""


class ManifestError(ZooError, ValueError):
    """A model's description is malformed, too large, or asks for what does not exist."""


class VersionError(ManifestError):
    """A description is of a newer format than this library reads."""


class UnsafePathError(ManifestError):
    """A name of a file would leave its folder, is a link, or is of a kind that is never opened."""


class IntegrityError(ZooError):
    """A file is missing, or is not the one that was published."""


class WeightsError(ZooError, ValueError):
    """Weights do not fit the model: their names, shapes or types, or they are not finite."""


class ConversionError(WeightsError):
    """The weights of another library do not fit the model they are meant for."""


class HubError(ZooError):
    """A repository cannot be reached, or the Hub fails."""


class OfflineError(HubError):
    """A file is not in the cache, and the Hub may not or cannot be asked."""


class AccessError(HubError):
    """A repository refuses: it is gated or private, or the token is wrong."""


class NotFoundError(HubError, UnknownModelError):
    """There is no such repository, revision or file."""


class CacheError(OSError, ZooError):
    """The cache cannot be written: it is read-only, or the disk is full."""


class ImageError(ZooError, ValueError):
    """A file or an array is not an image that a model can take."""
