"""EC2 Image Builder, which moto lacks: held against the API's model, the ARNs made up."""

from collections.abc import Mapping

from stackkit.tools.rehearse.resource_creator import Create, Outputs, ResourceCreator, single_call


def _component(creator: ResourceCreator) -> Outputs:
    name, version = creator.named(), creator.take("version")
    creator.rest("imagebuilder", "CreateComponent", name=name, semanticVersion=version)
    arn = creator.account.invented_arn("imagebuilder", f"component/{name}/{version}/1")
    return {"id": arn, "arn": arn, "name": name}


def _recipe(creator: ResourceCreator) -> Outputs:
    name, version = creator.named(), creator.take("version")
    creator.rest("imagebuilder", "CreateImageRecipe", name=name, semanticVersion=version)
    arn = creator.account.invented_arn("imagebuilder", f"image-recipe/{name}/{version}")
    return {"id": arn, "arn": arn, "name": name}


def _image(creator: ResourceCreator) -> Outputs:
    creator.rest("imagebuilder", "CreateImage")
    arn = creator.account.invented_arn("imagebuilder", f"image/{creator.name}/1.0.0/1")
    return {"id": arn, "arn": arn}


CREATORS: Mapping[str, Create] = {
    "aws:imagebuilder/component:Component": _component,
    "aws:imagebuilder/imageRecipe:ImageRecipe": _recipe,
    "aws:imagebuilder/image:Image": _image,
    "aws:imagebuilder/infrastructureConfiguration:InfrastructureConfiguration": single_call(
        "imagebuilder",
        "CreateInfrastructureConfiguration",
        auto="name=name",
        arn="infrastructure-configuration/{}",
    ),
    "aws:imagebuilder/distributionConfiguration:DistributionConfiguration": single_call(
        "imagebuilder",
        "CreateDistributionConfiguration",
        auto="name=name",
        arn="distribution-configuration/{}",
    ),
    "aws:imagebuilder/imagePipeline:ImagePipeline": single_call(
        "imagebuilder", "CreateImagePipeline", auto="name=name", arn="image-pipeline/{}"
    ),
}
