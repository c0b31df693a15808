/// A message as it is shown: texts from files and options are in it, and those can be very long.
public func shortened(message: String, to limit: Int = 4000) -> String {
    message.utf8.count <= limit ? message : String(message.unicodeScalars.prefix(limit / 4)) + "…"
}
