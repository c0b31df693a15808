// swift-tools-version: 6.1
import PackageDescription

// A package that uses Graft. Copy it, set the URL, then:
//
//     swift build
//     .build/checkouts/graft/Scripts/setup-libtorch   # once: libtorch and the engine, into the user's cache
//
// No build flags: the engine is loaded when the first tensor is made.
let package = Package(
    name: "dependent",
    platforms: [.macOS(.v14)],
    dependencies: [
        .package(url: "https://example.org/graft.git", from: "0.1.0")
    ],
    targets: [
        .executableTarget(name: "dependent", dependencies: [.product(name: "Graft", package: "graft")])
    ],
    swiftLanguageModes: [.v6]
)
