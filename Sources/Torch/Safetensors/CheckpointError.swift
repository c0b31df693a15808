/// What was wrong with a model folder's weights as a whole.
public enum CheckpointError: Error, Equatable, Sendable {
    /// Neither a weights file nor an index; `found` names safetensors files under other names.
    case noWeights(folder: String, found: [String])
    /// The only weights are pickle files.
    case pickleOnly(folder: String, file: String)
    /// The index is not what it should be.
    case index(file: String, problem: String)
    /// The index names a file that is not there.
    case missingShard(index: String, shard: String)
    /// A shard lacks a tensor that the index says it has; `holder` is the shard that has it, where one does.
    case missingTensor(index: String, name: String, shard: String, holder: String?)
    /// A tensor is in two shards.
    case duplicate(folder: String, name: String, shards: [String])
    /// A shard has a tensor that the index does not know.
    case unmapped(index: String, name: String, shard: String)
    /// No file has such a tensor; `nearest` is the name that is most like it.
    case unknownTensor(folder: String, name: String, nearest: String?)
}

extension CheckpointError: CustomStringConvertible {
    /// One sentence: the folder or file, what is wrong, what to do.
    public var description: String {
        switch self {
        case .noWeights(let folder, let found):
            "\(folder) has no weights: expected model.safetensors or model.safetensors.index.json"
                + (found.isEmpty ? "" : ", found \(found.prefix(4).map(quoted).joined(separator: ", "))")
        case .pickleOnly(let folder, let file):
            "\(folder) has its weights in \(quoted(file)), which Graft refuses because reading a pickle file can run "
                + "code of its author: convert it once where you trust it, with python -c \"\(Self.conversion(file))\""
        case .index(let file, let problem):
            "\(file) is not a valid index of weights: \(problem)"
        case .missingShard(let index, let shard):
            "\(index) names the file \(quoted(shard)), which is not there; fetch the missing file"
        case .missingTensor(let index, let name, let shard, let holder):
            "\(index) says that \(quoted(shard)) holds the tensor \(quoted(name)), but it does not"
                + (holder.map { "; \(quoted($0)) does" } ?? "")
        case .duplicate(let folder, let name, let shards):
            "\(folder) has the tensor \(quoted(name)) more than once: in "
                + shards.map(quoted).joined(separator: " and ")
        case .unmapped(let index, let name, let shard):
            "\(quoted(shard)) holds the tensor \(quoted(name)), which \(index) does not list"
        case .unknownTensor(let folder, let name, let nearest):
            "the weights in \(folder) have no tensor \(quoted(name))\(suggestion(nearest))"
        }
    }

    /// `weights_only` keeps the conversion itself from running code; the copies part tensors that share memory.
    private static func conversion(_ file: String) -> String {
        let file = file.hasPrefix("pytorch_model") && !file.contains("'") ? file : "pytorch_model.bin"
        return
            "import torch, safetensors.torch as s; w = torch.load('\(file)', map_location='cpu', weights_only=True); "
            + "s.save_file({k: v.clone().contiguous() for k, v in w.items()}, 'model.safetensors')"
    }
}
