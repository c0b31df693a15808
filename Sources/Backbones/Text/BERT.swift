import Networks
import Torch

extension Architecture {
    /// Devlin et al. 2018, https://arxiv.org/abs/1810.04805.
    static let bert = Architecture(
        modelTypes: ["bert"],
        naming: Naming(
            prefix: "bert", heads: ["cls", "classifier", "qa_outputs"], parts: ["embeddings", "encoder", "pooler"],
            renamedEnds: [".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"],
            ignoredEnds: [".embeddings.position_ids", ".embeddings.token_type_ids"], optionalModules: ["bert.pooler"]),
        build: { config, head, root in
            try Encoder.bert(EncoderSettings(config, .init()), head: head, root)
        })
}

extension Encoder {
    /// BERT with one of its heads.
    static func bert(_ settings: EncoderSettings, head: Head, _ root: Scope) throws -> Encoder {
        let body = root("bert")
        return try Encoder(body, settings, readsFirstToken: head.isSequenceClassification) { embeddings in
            switch head {
            case .features: return { _, _ in nil }
            case .maskedLM, .causalLM:
                return try bertLanguageHead(root("cls")("predictions"), settings, words: embeddings.words)
            case .sequenceClassification(let labels):
                return try bertSequenceHead(
                    pooler: body("pooler")("dense"), classifier: root("classifier"), settings, labels: labels)
            case .tokenClassification(let labels):
                return try tokenHead(root("classifier"), settings, labels: labels)
            case .imageClassification, .conditionalGeneration:
                throw NetworkError.unsupported("a BERT model has no head for \(head)")
            }
        }
    }

    /// A linear layer over the first token, after a layer with tanh that pre-training may have left.
    private static func bertSequenceHead(
        pooler: Scope, classifier: Scope, _ settings: EncoderSettings, labels: Int
    ) throws -> HeadFunction {
        let hidden = settings.hidden
        let pooler = try Projection.linear(pooler, input: hidden, output: hidden, initializer: settings.newHead)
        let classifier = try Projection.linear(classifier, input: hidden, output: labels, initializer: settings.newHead)
        return { x, context in
            let pooled = try pooler(x.select(1, 0), context).tanh()
            return try classifier(context.dropout(pooled, settings.classifierDropout, at: classifier.path), context)
        }
    }

    private static func bertLanguageHead(_ scope: Scope, _ settings: EncoderSettings, words: Projection) throws
        -> HeadFunction
    {
        let transform = scope("transform")
        let dense = try Projection.linear(transform("dense"), input: settings.hidden, output: settings.hidden)
        let norm = try Norm.layer(transform("LayerNorm"), size: settings.hidden, eps: settings.eps)
        let decoder = try EncoderDecoder(scope, settings, words: words)
        return { x, context in try decoder(norm(settings.activation(dense(x, context)), context), context) }
    }
}
