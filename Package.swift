// swift-tools-version: 6.1
import PackageDescription

/// The floors of the house, lowest first. A target imports only floors below it; Methods and Backbones never
/// import each other.
let package = Package(
    name: "graft",
    platforms: [.macOS(.v14)],
    products: [
        .library(name: "Graft", targets: ["Graft"]),
        .executable(name: "graft", targets: ["GraftCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(name: "Support"),

        .target(name: "Files", dependencies: ["Support"]),
        .testTarget(name: "FilesTests", dependencies: ["Files"]),

        .target(name: "JSON", dependencies: ["Files", "Support"]),
        .testTarget(name: "JSONTests", dependencies: ["JSON"]),

        .target(name: "YAML", dependencies: ["JSON", "Support", "Yams"]),
        .testTarget(name: "YAMLTests", dependencies: ["JSON", "YAML"]),

        .target(name: "Reporting", dependencies: ["Files", "JSON"]),
        .testTarget(name: "ReportingTests", dependencies: ["Reporting"]),

        .target(
            name: "CTorch",
            cSettings: [.define("GRAFT_PACKAGE_ROOT", to: "\"\(Context.packageDirectory)\"")]),
        .target(name: "Torch", dependencies: ["CTorch", "Files", "JSON", "Support"]),
        .testTarget(name: "TorchTests", dependencies: ["Files", "Torch"], exclude: ["SafetensorsFixtures"]),

        .target(name: "Tokenizers", dependencies: ["Files", "JSON", "Support"]),
        .testTarget(name: "TokenizersTests", dependencies: ["Tokenizers"]),

        .target(name: "Datasets", dependencies: ["JSON", "Support"]),
        .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "JSON"]),

        .target(
            name: "Networks",
            dependencies: ["Support", "Torch", .product(name: "OrderedCollections", package: "swift-collections")]),
        .testTarget(name: "NetworksTests", dependencies: ["Networks"]),

        .target(name: "Optimization", dependencies: ["JSON", "Networks", "Support", "Torch"]),
        .testTarget(name: "OptimizationTests", dependencies: ["JSON", "Optimization"]),

        .target(name: "Backbones", dependencies: ["Files", "Networks", "JSON", "Support"]),
        .testTarget(name: "BackbonesTests", dependencies: ["Backbones", "Golden", "Verification"]),

        .target(name: "Golden", dependencies: ["JSON", "Networks", "Support", "Torch"]),
        .testTarget(name: "GoldenTests", dependencies: ["Golden", "Networks", "Torch"]),

        // Lists the methods when Methods is built: a method is registered by being there.
        .executableTarget(name: "MethodIndexer"),
        .testTarget(name: "MethodIndexerTests", dependencies: ["MethodIndexer"]),
        .plugin(name: "MethodRegistryPlugin", capability: .buildTool(), dependencies: ["MethodIndexer"]),
        .target(
            name: "Methods", dependencies: ["Golden", "JSON", "Networks", "Optimization", "Support", "Tokenizers"],
            plugins: ["MethodRegistryPlugin"]),
        .testTarget(
            name: "MethodsTests",
            dependencies: [
                "Adapters", "Backbones", "Golden", "JSON", "Methods", "Networks", "Optimization", "TestModels", "Torch",
            ]),

        // The tiny networks of the tests of several rooms.
        .target(
            name: "TestModels", dependencies: ["Backbones", "JSON", "Methods", "Networks", "Torch"],
            path: "Tests/TestModels"),

        .target(
            name: "Adapters",
            dependencies: [
                "Backbones", "Files", "JSON", "Methods", "Networks", "Support", "Torch",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .testTarget(name: "AdaptersTests", dependencies: ["Adapters", "Golden", "TestModels", "Verification"]),

        .target(
            name: "Training",
            dependencies: [
                "Adapters", "Backbones", "Datasets", "Files", "JSON", "Methods", "Networks", "Optimization",
                "Reporting",
                "Support", "Tokenizers", "Torch",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),

        .target(
            name: "Graft",
            dependencies: [
                "Adapters", "Backbones", "Datasets", "Methods", "Networks", "Optimization", "Reporting", "Support",
                "Tokenizers", "Torch", "Training",
            ]),
        .testTarget(
            name: "GraftTests",
            dependencies: [
                "Files", "Generation", "Graft", "JSON", "Methods", "Training",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),

        .target(
            name: "Generation", dependencies: ["Backbones", "JSON", "Networks", "Tokenizers", "Torch"]),
        .testTarget(name: "GenerationTests", dependencies: ["Generation", "Methods", "TestModels"]),

        .target(
            name: "Verification",
            dependencies: [
                "Adapters", "Backbones", "Golden", "Methods", "Tokenizers", "Training",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            resources: [.copy("Cases")]),
        .testTarget(name: "VerificationTests", dependencies: ["Golden", "Verification"]),

        .executableTarget(
            name: "GraftCLI",
            dependencies: [
                "Adapters", "Backbones", "Files", "Generation", "Golden", "JSON", "Methods", "Networks", "Reporting",
                "Support",
                "Tokenizers", "Torch", "Training", "Verification", "YAML",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(
            name: "GraftCLITests", dependencies: ["GraftCLI", "JSON", "Support", "Torch", "Verification"],
            exclude: ["Snapshots"]
        ),

        // Times single operations through the engine (`make bench-products`); no product, as below.
        .executableTarget(name: "GraftProducts", dependencies: ["Reporting", "Torch"], path: "Benchmarks/Products"),

        // Feeds the readers of files with damaged ones; no product, so that nobody else builds it.
        .executableTarget(
            name: "GraftFuzz",
            dependencies: [
                "Adapters", "Backbones", "Datasets", "JSON", "Reporting", "Tokenizers", "Torch", "Training", "YAML",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Fuzz", exclude: ["Corpus"]),
        .testTarget(name: "GraftFuzzTests", dependencies: ["GraftFuzz", "JSON"]),
    ],
    swiftLanguageModes: [.v6]
)
