import Networks
import Torch

extension Architecture {
    /// Liu et al. 2019, https://arxiv.org/abs/1907.11692: BERT's network with other positions and heads.
    static let roberta = roberta(modelTypes: ["roberta"], vocabulary: 50265)

    /// Conneau et al. 2019, https://arxiv.org/abs/1911.02116, and CamemBERT: RoBERTa's network and names.
    static let xlmRoberta = roberta(modelTypes: ["xlm-roberta", "camembert"], vocabulary: 30522)

    private static func roberta(modelTypes: [String], vocabulary: Int) -> Architecture {
        Architecture(
            modelTypes: modelTypes,
            naming: Naming(
                prefix: "roberta", heads: ["lm_head", "classifier", "qa_outputs"],
                parts: ["embeddings", "encoder", "pooler"],
                renamedEnds: [".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"],
                ignoredEnds: [".embeddings.position_ids", ".embeddings.token_type_ids"],
                optionalModules: ["roberta.pooler"]),
            build: { config, head, root in
                let defaults = EncoderSettings.Defaults(vocabulary: vocabulary, padding: 1, positionsSkipPadding: true)
                return try Encoder.roberta(EncoderSettings(config, defaults), head: head, root)
            })
    }
}

extension Encoder {
    /// RoBERTa with one of its heads.
    static func roberta(_ settings: EncoderSettings, head: Head, _ root: Scope) throws -> Encoder {
        try Encoder(root("roberta"), settings, readsFirstToken: head.isSequenceClassification) { embeddings in
            switch head {
            case .features: return { _, _ in nil }
            case .maskedLM, .causalLM:
                return try robertaLanguageHead(root("lm_head"), settings, words: embeddings.words)
            case .sequenceClassification(let labels):
                return try robertaSequenceHead(root("classifier"), settings, labels: labels)
            case .tokenClassification(let labels):
                return try tokenHead(root("classifier"), settings, labels: labels)
            case .imageClassification, .conditionalGeneration:
                throw NetworkError.unsupported("a RoBERTa model has no head for \(head)")
            }
        }
    }

    /// Two layers over the first token, with tanh between them.
    private static func robertaSequenceHead(_ scope: Scope, _ settings: EncoderSettings, labels: Int) throws
        -> HeadFunction
    {
        let (hidden, start, rate) = (settings.hidden, settings.newHead, settings.classifierDropout)
        let dense = try Projection.linear(scope("dense"), input: hidden, output: hidden, initializer: start)
        let output = try Projection.linear(scope("out_proj"), input: hidden, output: labels, initializer: start)
        return { x, context in
            let first = try context.dropout(x.select(1, 0), rate, at: dense.path)
            let mixed = try dense(first, context).tanh()
            return try output(context.dropout(mixed, rate, at: output.path), context)
        }
    }

    /// The activation here is GELU, whatever `hidden_act` says of the layers.
    private static func robertaLanguageHead(_ scope: Scope, _ settings: EncoderSettings, words: Projection) throws
        -> HeadFunction
    {
        let dense = try Projection.linear(scope("dense"), input: settings.hidden, output: settings.hidden)
        let norm = try Norm.layer(scope("layer_norm"), size: settings.hidden, eps: settings.eps)
        let decoder = try EncoderDecoder(scope, settings, words: words)
        return { x, context in try decoder(norm(dense(x, context).gelu(), context), context) }
    }
}
