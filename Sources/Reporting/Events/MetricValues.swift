/// Named numbers in the order in which they were put in; a name occurs once.
public struct MetricValues: Sendable, Hashable, RandomAccessCollection, ExpressibleByDictionaryLiteral {
    /// A metric's name and value.
    public struct Element: Sendable, Hashable {
        /// The metric's name.
        public var name: String
        /// The metric's value; NaN where it is undefined.
        public var value: Double
    }

    private var elements: [Element] = []

    /// No metrics.
    public init() {}

    /// The metrics of a literal, in its order; a repeated name keeps its first place and its last value.
    public init(dictionaryLiteral pairs: (String, Double)...) {
        for (name, value) in pairs { self[name] = value }
    }

    /// The value of a metric; setting `nil` removes it.
    public subscript(name: String) -> Double? {
        get { elements.first { $0.name == name }?.value }
        set {
            let place = elements.firstIndex { $0.name == name }
            switch (place, newValue) {
            case (let place?, let value?): elements[place].value = value
            case (let place?, nil): elements.remove(at: place)
            case (nil, let value?): elements.append(Element(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The first place; the elements are in the order in which they were put in.
    public var startIndex: Int { elements.startIndex }
    /// The place after the last element.
    public var endIndex: Int { elements.endIndex }
    /// The metric at a place.
    public subscript(position: Int) -> Element { elements[position] }
}
