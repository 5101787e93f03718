/*
 * All scenes in one list. Routes, /scenes, the page, /stats and the both-ways test are made from
 * it, so a scene that stands here is everywhere.
 */
#include "scene.h"

#include <string.h>

extern const struct scene scene_slice, scene_cache, scene_closure, scene_listeners, scene_pool,
    scene_cleanup_chain, scene_timer, scene_slow_reader, scene_connpool, scene_log_ring,
    scene_error_path, scene_overwrite, scene_message, scene_cycle, scene_query, scene_resolver,
    scene_regex, scene_thread_result, scene_thread, scene_unjoined, scene_deadlock, scene_ticker,
    scene_zombie, scene_client, scene_idle_server, scene_close_wait, scene_fd_error_path,
    scene_bufferevent, scene_watch, scene_deleted_log, scene_mmap, scene_memfd, scene_fragment,
    scene_arenas, scene_healthy, scene_churn, scene_warmup;

const struct scene *const scenes[] = {
    &scene_slice,         &scene_cache,
    &scene_closure,       &scene_listeners,
    &scene_pool,          &scene_cleanup_chain,
    &scene_timer,         &scene_slow_reader,
    &scene_connpool,      &scene_log_ring,
    &scene_error_path,    &scene_overwrite,
    &scene_message,       &scene_cycle,
    &scene_query,         &scene_resolver,
    &scene_regex,         &scene_thread_result,
    &scene_thread,        &scene_unjoined,
    &scene_deadlock,      &scene_ticker,
    &scene_zombie,        &scene_client,
    &scene_idle_server,   &scene_close_wait,
    &scene_fd_error_path, &scene_bufferevent,
    &scene_watch,         &scene_deleted_log,
    &scene_mmap,          &scene_memfd,
    &scene_fragment,      &scene_arenas,
    &scene_healthy,       &scene_churn,
    &scene_warmup,        NULL,
};

const struct scene *scene_find(const char *id, size_t length)
{
    for (const struct scene *const *s = scenes; *s; s++)
        if (strlen((*s)->id) == length && memcmp((*s)->id, id, length) == 0)
            return *s;
    return NULL;
}
