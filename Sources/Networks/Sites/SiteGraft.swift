import Torch

/// What a method puts at a site, whatever the kind of site.
public protocol SiteGraft: AnyObject {
    /// The tensors of the graft. One that several grafts share is listed by each.
    var variables: [Variable] { get }
}
