import Datasets
import JSON
import Methods

/// Everything that decides a training, under the names that Hugging Face users know. The file form is YAML or JSON with
/// these keys; `method` is a name or an object of a name and options, and options of the method may also stand beside the
/// other keys.
public struct TrainingConfiguration: Sendable {
    /// What is learnt from the data.
    public enum Task: String, Codable, Sendable, CaseIterable {
        /// One of several classes for a text.
        case classification
        /// The next token.
        case causalLM = "causal-lm"
        /// A text to write of another, by an encoder-decoder.
        case seq2seq
        /// One of several classes for an image.
        case imageClassification = "image-classification"
        /// The better of two answers.
        case preference
    }

    /// When something happens.
    public enum IntervalStrategy: String, Codable, Sendable, CaseIterable {
        case no
        case steps
        case epoch
    }

    /// What happens when loss, gradient or weights are no longer numbers.
    public enum NonfinitePolicy: String, Codable, Sendable, CaseIterable {
        /// The run ends with an error that names the step and its rows.
        case stop
        /// The step changes nothing, and the run goes on with the next one.
        case skip
        /// The run goes back to its newest checkpoint, with a smaller learning rate.
        case rewind
    }

    /// The rule that updates the weights.
    public enum OptimizerName: String, Codable, Sendable, CaseIterable {
        case adamW = "adamw_torch"
        case sgd
        /// Two forwards and no backward.
        case mezo
    }

    /// How examples are put into batches.
    public enum Batching: String, Codable, Sendable, CaseIterable {
        /// Similar lengths together.
        case lengthGrouped = "length_grouped"
        /// In random order.
        case random
        /// Several examples in a row of `max_length` tokens that do not see each other.
        case packing
    }

    /// Folder of the checkpoint.
    public var model: String
    /// Trains a new model of the folder's configuration: all weights start at random, those in the folder play no part.
    public var fromScratch = false
    /// What is learnt.
    public var task: Task
    /// The method and its options.
    public var method: any Method
    /// Folder for everything the run leaves.
    public var outputDirectory: String

    /// Files of rows.
    public var data = DataOptions()
    /// What a training on preferences minimises.
    public var preference = PreferenceOptions()
    /// The course of the training.
    public var training = TrainingArguments()
    /// What is made of the trained adapter before it is judged; nil leaves it as it is.
    public var transform: RunTransform?

    /// A configuration with defaults for all but the essentials.
    public init(
        model: String, data trainFile: String, task: Task, method: any Method = LoRA(), outputDirectory: String
    ) {
        self.model = model
        self.task = task
        self.method = method
        self.outputDirectory = outputDirectory
        data.trainFile = trainFile
    }
}
