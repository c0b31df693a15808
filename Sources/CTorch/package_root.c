#include "package_root.h"

#ifndef GRAFT_PACKAGE_ROOT
#define GRAFT_PACKAGE_ROOT ""
#endif

const char *ct_package_root(void) {
    return GRAFT_PACKAGE_ROOT;
}
