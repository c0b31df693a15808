#ifndef GRAFT_PACKAGE_ROOT_H
#define GRAFT_PACKAGE_ROOT_H

// The folder that this package was built in: where `make engine` puts libtorch and the engine.
const char *ct_package_root(void);

#endif
