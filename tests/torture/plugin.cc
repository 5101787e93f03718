/* What tests/torture/torture.cc loads and unloads: allocates while it is being loaded, too. */
#include <cstdlib>
#include <string>

static std::string made_while_loading(200, 'p');

extern "C" void *plugin_allocate(size_t size)
{
    return made_while_loading.empty() ? nullptr : malloc(size);
}
