/*
 * What the server asks of a scene, and the scene has not written out itself: it says where it keeps
 * what it holds, and the rest is the same for all.
 */

#include "holding.h"
#include "kept.h"
#include "lost.h"

static struct held counted_in(struct holding *holding)
{
    struct held now;

    pthread_mutex_lock(&holding->lock);
    now = holding->held;
    pthread_mutex_unlock(&holding->lock);
    return now;
}

struct held scene_held(const struct scene *scene)
{
    if (scene->held)
        return scene->held();
    if (scene->keeper)
        return keeper_held(scene->keeper);
    if (scene->lost)
        return counted_in(&scene->lost->holding);
    if (scene->holding)
        return counted_in(scene->holding);
    return (struct held){0};
}

void scene_reset(const struct scene *scene, struct held *drained)
{
    *drained = (struct held){0};
    if (scene->reset)
        scene->reset(drained);
    else if (scene->keeper)
        keeper_reset(scene->keeper, drained);
    else if (scene->lost)
        lost_reset(scene->lost, drained);
}

void scene_stop(const struct scene *scene)
{
    struct held drained;

    if (scene->keeper)
        keeper_stop(scene->keeper);
    if (scene->lost)
        lost_reset(scene->lost, &drained);
    if (scene->stop)
        scene->stop();
    else if (scene->reset)
        scene_reset(scene, &drained);
}
