#include "ctorch.h"

#include <dlfcn.h>
#include <stdio.h>

const struct ct_operations *ct_operations_table;
static const struct ct_engine *engine;

const struct ct_engine *ct_engine_loaded(void) {
    return engine;
}

int32_t ct_load(const char *path, char *message, size_t capacity) {
    // Local: two libtorch in one process (an app with its own) must not see each other's symbols.
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(message, capacity, "%s", dlerror());
        return 1;
    }
    const struct ct_engine *(*entry)(void) = (const struct ct_engine *(*)(void))dlsym(library, "graft_engine");
    if (!entry) {
        snprintf(message, capacity, "%s is not a Graft engine", path);
        return 1;
    }
    const struct ct_engine *loaded = entry();
    if (loaded->abi != CT_ABI) {
        snprintf(message, capacity, "%s was built from other sources than this program", path);
        return 1;
    }
    engine = loaded;
    ct_operations_table = loaded->operations;
    return 0;
}
