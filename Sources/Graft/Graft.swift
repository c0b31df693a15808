/// Graft: parameter-efficient fine-tuning of Hugging Face checkpoints.
///
/// One import gives all floors: tensors, networks and their sites, methods, adapters, training and its events.
@_exported import Adapters
@_exported import Backbones
@_exported import Datasets
@_exported import Methods
@_exported import Networks
@_exported import Optimization
@_exported import Reporting
@_exported import Support
@_exported import Tokenizers
@_exported import Torch
@_exported import Training
