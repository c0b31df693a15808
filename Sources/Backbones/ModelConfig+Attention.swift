extension ModelConfig {
    /// Whether a training holds all probabilities of each attention in memory, [rows, heads, queries, keys]: where some of
    /// them are dropped, or their scores are bent.
    public var keepsAttentionProbabilities: Bool {
        get throws {
            let rates = ["attention_probs_dropout_prob", "attention_dropout", "attn_pdrop", "attn_logit_softcapping"]
            let stated = try rates.compactMap { try optional($0)?.double() }
            if let first = stated.first { return stated.reduce(first, max) > 0 }
            // Files that state nothing mean their family's default, which is not 0 for these.
            return ["bert", "roberta", "xlm-roberta", "gpt2", "gemma2"].contains(try modelType ?? "")
        }
    }
}
