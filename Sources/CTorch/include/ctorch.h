// The boundary to libtorch: plain C, opaque handles, a status for every call.
//
// The functions live in the engine library (folder Engine/), which is compiled against one libtorch and loaded when the
// first tensor is made. So this package links no C++ and needs no unsafe build flags, and the same Swift binary runs with
// another libtorch by loading another engine.
#ifndef GRAFT_CTORCH_H
#define GRAFT_CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A tensor owned by the caller until `ct_release`.
typedef struct ct_tensor_s *ct_tensor;

enum ct_status {
    CT_OK = 0,
    CT_ERROR = 1,          // libtorch refused: shapes, types, devices
    CT_OUT_OF_MEMORY = 2,  // the allocator had no more
    CT_UNKNOWN = 3,        // an exception of no known type
};

#include "operations.h"

// What the engine library hands over when it is loaded.
struct ct_engine {
    uint64_t abi;  // CT_ABI of the sources it was made from
    const struct ct_operations *operations;
    void (*release)(ct_tensor tensor);
    // Wraps memory of the caller without a copy; `deleter(context)` is called once nothing refers to it any more,
    // also when this call fails.
    int32_t (*from_blob)(void *data, const int64_t *shape, int64_t rank, int32_t dtype, void (*deleter)(void *context),
                         void *context, ct_tensor *out);
    // Copies the elements in row-major order, from any device and layout.
    int32_t (*copy_bytes)(ct_tensor tensor, void *destination, int64_t capacity);
    // Of the calling thread's last failed call; valid until its next one.
    const char *(*error_message)(void);
    const char *(*error_details)(void);
    int64_t (*live_handles)(void);
    const char *(*version)(void);
    const char *(*configuration)(void);
    // Calls `hook(context)` in every backward, once the gradient of a leaf is complete; a result other than 0 ends the
    // backward with an error. `release(context)` is called when the hook is replaced, when the tensor goes, and when this
    // call fails. A null hook takes the present one away.
    int32_t (*on_gradient)(ct_tensor leaf, int32_t (*hook)(void *context), void (*release)(void *context),
                           void *context);
    // Calls `run(context)` and gives its status; nothing is kept of what its operations save for the backward, which
    // calls it once more when it asks for that, and does as libtorch's own would with what is saved then. It must do the
    // same both times. CT_UNKNOWN says that the failure is not the engine's. `release(context)` is called when the
    // backward has passed or the graph is gone, and when this call fails.
    int32_t (*gradient_checkpoint)(int32_t (*run)(void *context), void (*release)(void *context), void *context);
};

// Loads the engine library once for the process. Returns 0, or 1 with a message in `message`.
int32_t ct_load(const char *path, char *message, size_t capacity);

// The loaded engine, or null.
const struct ct_engine *ct_engine_loaded(void);

#endif
