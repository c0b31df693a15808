import Networks

/// What the name of a timm architecture stands for: `vit_base_patch16_clip_224`.
struct ViTTimmPreset {
    var width: Int
    var depth: Int
    var heads: Int
    var mlpRatio = 4.0
    var patch = 16
    var side = 224
    var eps = ViTTimmPreset.usualEps
    var activation = Activation.gelu
    var qkvBias = true
    var scalesBranches = false
    var positionsCoverPrefix = true
    var normalizesInput = false
    var registers = 0

    /// Epsilon of timm's own norms.
    static let usualEps = 1e-6

    /// The names that can be read: the papers' ViT, DeiT, the image towers of CLIP, DINOv2.
    static let names = [
        "vit_tiny_patch16_224", "vit_tiny_patch16_384", "vit_small_patch8_224", "vit_small_patch16_224",
        "vit_small_patch16_384", "vit_small_patch32_224", "vit_small_patch32_384", "vit_base_patch8_224",
        "vit_base_patch16_224", "vit_base_patch16_224_miil", "vit_base_patch16_384", "vit_base_patch32_224",
        "vit_base_patch32_384", "vit_large_patch14_224", "vit_large_patch16_224", "vit_large_patch16_384",
        "vit_large_patch32_224", "vit_large_patch32_384", "vit_huge_patch14_224", "vit_giant_patch14_224",
        "vit_gigantic_patch14_224",
        "vit_base_patch32_clip_224", "vit_base_patch32_clip_256", "vit_base_patch32_clip_384",
        "vit_base_patch32_clip_448", "vit_base_patch16_clip_224", "vit_base_patch16_clip_384",
        "vit_large_patch14_clip_224", "vit_large_patch14_clip_336", "vit_huge_patch14_clip_224",
        "vit_huge_patch14_clip_336", "vit_base_patch32_clip_quickgelu_224", "vit_base_patch16_clip_quickgelu_224",
        "vit_large_patch14_clip_quickgelu_224", "vit_large_patch14_clip_quickgelu_336",
        "vit_huge_patch14_clip_quickgelu_224",
        "vit_small_patch14_dinov2", "vit_base_patch14_dinov2", "vit_large_patch14_dinov2",
        "vit_small_patch14_reg4_dinov2", "vit_base_patch14_reg4_dinov2", "vit_large_patch14_reg4_dinov2",
        "deit_tiny_patch16_224", "deit_small_patch16_224", "deit_base_patch16_224", "deit_base_patch16_384",
        "deit3_small_patch16_224", "deit3_small_patch16_384", "deit3_medium_patch16_224", "deit3_base_patch16_224",
        "deit3_base_patch16_384", "deit3_large_patch16_224", "deit3_large_patch16_384", "deit3_huge_patch14_224",
    ]

    private static let sizes: [Substring: ViTTimmPreset] = [
        "tiny": .init(width: 192, depth: 12, heads: 3),
        "small": .init(width: 384, depth: 12, heads: 6),
        "medium": .init(width: 512, depth: 12, heads: 8),
        "base": .init(width: 768, depth: 12, heads: 12),
        "large": .init(width: 1024, depth: 24, heads: 16),
        "huge": .init(width: 1280, depth: 32, heads: 16),
        "giant": .init(width: 1408, depth: 40, heads: 16, mlpRatio: 48.0 / 11),
        "gigantic": .init(width: 1664, depth: 48, heads: 16, mlpRatio: 64.0 / 13),
    ]
}

extension ViTTimmPreset {
    /// The preset of one of `names`; nil for any other.
    init?(named name: String) {
        let words = name.split(separator: "_")
        guard ViTTimmPreset.names.contains(name), let size = words.lazy.compactMap({ ViTTimmPreset.sizes[$0] }).first
        else { return nil }
        self = size
        for word in words {
            if let number = Int(word) {
                side = number
            } else if word.hasPrefix("patch"), let number = Int(word.dropFirst(5)) {
                patch = number
            } else {
                apply(word)
            }
        }
    }

    /// What one word of a name changes.
    private mutating func apply(_ word: Substring) {
        switch word {
        case "miil": qkvBias = false
        case "clip": (normalizesInput, eps) = (true, 1e-5)
        case "quickgelu": activation = .quickGelu
        case "deit3": (positionsCoverPrefix, scalesBranches) = (false, true)
        case "dinov2": (scalesBranches, side) = (true, 518)
        case "reg4": (registers, positionsCoverPrefix) = (4, false)
        default: break
        }
    }
}
