/// Curves over the steps of a run, as HTML with an inline SVG.
///
/// The drawing stretches with the page while its text keeps the page's size: lines live in a stretched inner drawing,
/// and everything with letters or circles is placed by percentages outside it.
struct Chart: Sendable {
    /// A value to compare with, drawn across the chart.
    struct Reference: Sendable, Hashable {
        var name: String
        var value: Double
    }

    /// A step that deserves attention.
    struct Mark: Sendable, Hashable {
        enum Kind: String, Sendable, Hashable { case bad, good }
        var kind: Kind
        var step: Int
        var text: String
    }

    var title: String
    var curves: [Curve]
    var references: [Reference] = []
    var marks: [Mark] = []
    /// The steps that the chart shows, so that all charts of a run have them at the same place.
    var steps: ClosedRange<Int>
    /// Ends that the value axis does not cross where the values do not.
    var bounds: ClosedRange<Double>?
    /// Height of the plot in CSS pixels.
    var height = 220
    /// How a value is written.
    var format: @Sendable (Double) -> String = { Quantity.number($0) }

}
