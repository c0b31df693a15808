import ArgumentParser
import Backbones
import Foundation
import Networks
import Torch
import Training

/// `graft forward`: runs a model on given tensors, for the interoperability check.
struct ForwardCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "forward", abstract: "Run a model on the tensors of a file.", shouldDisplay: false)

    @Option(help: "The checkpoint folder.", completion: .directory)
    var model: String

    @Option(help: "An adapter folder.", completion: .directory)
    var adapter: String?

    @Option(help: "A safetensors file with input_ids or pixel_values, and attention_mask and the like.")
    var inputs: String

    @Option(help: "The safetensors file to write: logits and last_hidden_state.")
    var output: String

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let loaded = try AdaptedModel(
            folder: URL(fileURLWithPath: model), adapter: adapter.map { URL(fileURLWithPath: $0) }
        ).loaded
        let file = try SafetensorsFile(URL(fileURLWithPath: inputs))
        let result = try withoutGradients { try loaded.model(ModelInput(file)) }
        var tensors = [("last_hidden_state", try result.lastHiddenState.contiguous())]
        if let logits = result.logits { tensors.append(("logits", try logits.contiguous())) }
        try SafetensorsWriter.write(tensors.map { (name: $0.0, tensor: $0.1) }, to: URL(fileURLWithPath: output))
    }
}

extension ModelInput {
    /// The names that Hugging Face's models take. A name that none of them has is an error, lest it be ignored.
    fileprivate init(_ file: SafetensorsFile) throws {
        self.init()
        for name in file.names {
            let tensor = try file.tensor(name)
            switch name {
            case "input_ids": inputIDs = try tensor.to(.int64)
            case "attention_mask": attentionMask = try tensor.to(.int64)
            case "token_type_ids": tokenTypeIDs = try tensor.to(.int64)
            case "position_ids": positionIDs = try tensor.to(.int64)
            case "decoder_input_ids": decoderInputIDs = try tensor.to(.int64)
            case "decoder_attention_mask": decoderAttentionMask = try tensor.to(.int64)
            case "pixel_values": pixelValues = try tensor.to(.float32)
            default: throw NetworkError.input("\(file.header.path): unknown input `\(name)`")
            }
        }
    }
}
