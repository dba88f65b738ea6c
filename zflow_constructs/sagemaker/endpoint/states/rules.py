"""What SageMaker's kinds of endpoints can't do, each with the remedy.

https://docs.aws.amazon.com/sagemaker/latest/dg/deploy-model-options.html
"""

from collections.abc import Iterator, Sequence

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.sagemaker.endpoint.settings.deployment import Deployment
from zflow_constructs.sagemaker.endpoint.settings.variants import EndpointVariant

_MOST_VARIANTS = 10


def check_endpoint(
    label: str,
    *,
    variants: Sequence[EndpointVariant],
    shadow_variants: Sequence[EndpointVariant],
    asynchronous: bool,
    deployment: Deployment | None,
    used: Sequence[str],
) -> None:
    """Checks that an endpoint is one that SageMaker has.

    Args:
        label: the step, for messages: `Step "Endpoint"`.
        variants: its production variants.
        shadow_variants: its shadow variants.
        asynchronous: whether its requests are queued.
        deployment: How it is updated. `None`: as SageMaker does
        used: the keywords among data_capture, network_isolation, smoke_test and vpc that are used.

    Raises:
        WorkflowError: it isn't.
    """
    every = [*variants, *shadow_variants]
    for variant in every:
        variant.machines(label)
    names = [variant.name for variant in every]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise WorkflowError(f'{label}: two variants are named "{twice}". Rename one.')
    problems = (
        *_variants(variants, shadow_variants),
        *(_serverless(every, used) if any(variant.serverless for variant in every) else ()),
        *(_asynchronous(every, shadow_variants, used) if asynchronous else ()),
        *_scaling(every, asynchronous=asynchronous),
        *(_rolling(variants) if deployment is not None and deployment.is_rolling else ()),
    )
    for problem in problems:
        raise WorkflowError(f"{label}: {problem}")


def check_waits(label: str, deployment: Deployment | None, seconds: int) -> None:
    """Checks that an update can end in time.

    Args:
        label: the step, for messages: `Step "Endpoint"`.
        deployment: How it is updated. `None`: as SageMaker does
        seconds: how long an update may take.

    Raises:
        WorkflowError: its waits alone take longer.
    """
    if deployment is not None and deployment.least_seconds >= seconds:
        raise WorkflowError(
            f"{label}: timeout is {seconds} seconds, and the waits of its deployment alone take "
            f"{deployment.least_seconds}. Give a longer timeout, or shorter waits."
        )


def doubts(variants: Sequence[EndpointVariant], deployment: Deployment | None) -> Iterator[str]:
    """What SageMaker may refuse when the endpoint is updated: it depends on how many machines there are then.

    Args:
        variants: the production variants.
        deployment: How it is updated. `None`: as SageMaker does
    """
    if deployment is None or not deployment.in_parts:
        return
    for variant in variants:
        if variant.instance_count == 1 and not variant.serverless:
            yield (
                f'The variant "{variant.name}" starts with one machine, and its traffic moves in parts. SageMaker '
                "takes half of the machines at most for a part. Give instance_count=2, or use Deployment.all_at_once."
            )


def _variants(variants: Sequence[EndpointVariant], shadow_variants: Sequence[EndpointVariant]) -> Iterator[str]:
    if len(variants) > _MOST_VARIANTS:
        yield f"there are {len(variants)} variants. An endpoint has {_MOST_VARIANTS} at most."
    if not any(variant.weight for variant in variants):
        yield "no variant has a weight, so none would get a request. Give one of them a weight above 0."
    if shadow_variants and (len(variants), len(shadow_variants)) != (1, 1):
        yield (
            f"there are {len(variants)} variants and {len(shadow_variants)} shadow variants. A shadow variant stands "
            "beside a single variant, and is the only one."
        )
    for variant in shadow_variants:
        if variant.autoscaling:
            yield (
                f'the shadow variant "{variant.name}" has autoscaling, and only the others scale. Remove it, and give '
                "instance_count."
            )


def _serverless(every: Sequence[EndpointVariant], used: Sequence[str]) -> Iterator[str]:
    if len(every) > 1:
        yield "a serverless endpoint has one variant alone. Put the others on machines, or into endpoints of their own."
    for keyword in used:
        if keyword != "smoke_test":
            yield f"a serverless endpoint has no {keyword}. Remove it, or serve on machines."
    for variant in every:
        if len(variant.containers) > 1:
            yield (
                f"a serverless endpoint has one container, and this one has {len(variant.containers)}. Serve the "
                "pipeline on machines, or put it into one container."
            )


def _asynchronous(
    every: Sequence[EndpointVariant], shadow_variants: Sequence[EndpointVariant], used: Sequence[str]
) -> Iterator[str]:
    if len(every) > 1 or shadow_variants:
        yield "an asynchronous endpoint has one variant alone. Put the others into endpoints of their own."
    if any(variant.serverless for variant in every):
        yield "an asynchronous endpoint serves on machines. Remove serverless, or asynchronous."
    if "smoke_test" in used:
        yield (
            "an asynchronous endpoint answers into S3, some time later, and takes no smoke_test. Remove it, and test "
            "with a step that comes after it."
        )


def _scaling(every: Sequence[EndpointVariant], *, asynchronous: bool) -> Iterator[str]:
    for variant in every:
        scaling = variant.autoscaling
        if scaling is None:
            continue
        if scaling.to_zero and not asynchronous:
            yield (
                f'variant "{variant.name}" scales down to no machine, which asynchronous endpoints alone do. Give '
                "min_capacity=1, or serve with serverless or asynchronous."
            )
        kinds = {target.kind for target in scaling.targets}
        if "backlog" in kinds and not asynchronous:
            yield (
                f'variant "{variant.name}" scales by its backlog, which asynchronous endpoints alone have. Scale by '
                "ScalingTarget.invocations_per_instance(...)."
            )
        serverless = variant.serverless
        if serverless and scaling.max_capacity > serverless.max_concurrency:
            yield (
                f'variant "{variant.name}" scales its provisioned concurrency up to {scaling.max_capacity}, and its '
                f"max_concurrency is {serverless.max_concurrency}. Give no more than that."
            )
        if kinds and bool(variant.serverless) != (kinds == {"provisioned"}):
            yield (
                f'variant "{variant.name}" scales by what it doesn\'t have. Serverless variants scale by '
                "ScalingTarget.provisioned_concurrency_utilization(...) alone, and the others by anything else."
            )


def _rolling(variants: Sequence[EndpointVariant]) -> Iterator[str]:
    if len(variants) > 1 or variants[0].serverless:
        yield (
            "Deployment.rolling is for one variant on machines. Use all_at_once, canary or linear for several variants "
            "and for serverless ones."
        )
