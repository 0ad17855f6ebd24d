// A stand-in of Terraform's google provider: its schema for what deploy/terraform uses, and resources that come into
// being by being asked for. With it `terraform validate`, `plan` and `apply` run where the real one is not to be had.
// It contacts nobody. `record_google.py` has written the schema from what HashiCorp published.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

//go:embed google.json
var recorded []byte

const projectNumber = "123456789012"

type attribute struct {
	Type     json.RawMessage
	Required bool
	Computed bool
}

type block struct {
	Attributes map[string]attribute
	Blocks     map[string]struct {
		Min, Max int64
		Block    block
	}
}

// The interface is embedded for the calls that Terraform does not make here.
type provider struct {
	tfprotov6.ProviderServer
	resources, data map[string]*tfprotov6.Schema
}

func typeOf(raw json.RawMessage) tftypes.Type {
	found, err := tftypes.ParseJSONType(raw) //nolint:staticcheck // the only parser of such types
	if err != nil {
		log.Fatal(err)
	}
	return found
}

func (b block) schema() *tfprotov6.SchemaBlock {
	told := &tfprotov6.SchemaBlock{}
	for name, one := range b.Attributes {
		told.Attributes = append(told.Attributes, &tfprotov6.SchemaAttribute{
			Name: name, Type: typeOf(one.Type), Required: one.Required, Computed: one.Computed,
			// Computed only, unless the library's interface of arguments has it too.
			Optional: !one.Required && (!one.Computed || name == "id" || name == "project"),
		})
	}
	for name, one := range b.Blocks {
		told.BlockTypes = append(told.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Block: one.Block.schema(), Nesting: tfprotov6.SchemaNestedBlockNestingModeList,
			MinItems: one.Min, MaxItems: one.Max,
		})
	}
	return told
}

func schemas(blocks map[string]block) map[string]*tfprotov6.Schema {
	told := map[string]*tfprotov6.Schema{}
	for name, one := range blocks {
		told[name] = &tfprotov6.Schema{Block: one.schema()}
	}
	return told
}

func (p provider) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	told := &tfprotov6.GetMetadataResponse{}
	for name := range p.resources {
		told.Resources = append(told.Resources, tfprotov6.ResourceMetadata{TypeName: name})
	}
	for name := range p.data {
		told.DataSources = append(told.DataSources, tfprotov6.DataSourceMetadata{TypeName: name})
	}
	return told, nil
}

func (p provider) GetProviderSchema(
	context.Context, *tfprotov6.GetProviderSchemaRequest,
) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		Provider:          &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{}},
		ResourceSchemas:   p.resources,
		DataSourceSchemas: p.data,
	}, nil
}

func (p provider) GetResourceIdentitySchemas(
	context.Context, *tfprotov6.GetResourceIdentitySchemasRequest,
) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (p provider) ValidateProviderConfig(
	_ context.Context, request *tfprotov6.ValidateProviderConfigRequest,
) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: request.Config}, nil
}

func (p provider) ConfigureProvider(
	context.Context, *tfprotov6.ConfigureProviderRequest,
) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (p provider) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (p provider) ValidateResourceConfig(
	context.Context, *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (p provider) ValidateDataResourceConfig(
	context.Context, *tfprotov6.ValidateDataResourceConfigRequest,
) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

// filled returns a value in which every attribute that the provider computes has a value.
func filled(
	given *tfprotov6.DynamicValue, schema *tfprotov6.Schema, value func(tftypes.Type, string, map[string]tftypes.Value) tftypes.Value,
) (*tfprotov6.DynamicValue, error) {
	kind := schema.Block.ValueType()
	read, err := given.Unmarshal(kind)
	if err != nil || read.IsNull() {
		return given, err
	}
	fields := map[string]tftypes.Value{}
	if err := read.As(&fields); err != nil {
		return nil, err
	}
	for _, one := range schema.Block.Attributes {
		if found := fields[one.Name]; one.Computed && (found.IsNull() || !found.IsKnown()) {
			fields[one.Name] = value(one.Type, one.Name, fields)
		}
	}
	told, err := tfprotov6.NewDynamicValue(kind, tftypes.NewValue(kind, fields))
	return &told, err
}

func unknown(kind tftypes.Type, _ string, _ map[string]tftypes.Value) tftypes.Value {
	return tftypes.NewValue(kind, tftypes.UnknownValue)
}

// created returns what Google computes, as far as deploy/terraform reads it; the rest is null.
func created(kind tftypes.Type, name string, fields map[string]tftypes.Value) tftypes.Value {
	var project, account string
	_ = fields["project"].As(&project)
	if found, is := fields["account_id"]; is {
		_ = found.As(&account)
	}
	email := fmt.Sprintf("%s@%s.iam.gserviceaccount.com", account, project)
	known := map[string]string{"id": "id", "number": projectNumber}
	if account != "" {
		known["email"], known["member"] = email, "serviceAccount:"+email
		known["name"] = fmt.Sprintf("projects/%s/serviceAccounts/%s", project, email)
	}
	if text, is := known[name]; is {
		return tftypes.NewValue(kind, text)
	}
	return tftypes.NewValue(kind, nil)
}

func (p provider) PlanResourceChange(
	_ context.Context, request *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	planned, err := filled(request.ProposedNewState, p.resources[request.TypeName], unknown)
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: planned}, err
}

func (p provider) ApplyResourceChange(
	_ context.Context, request *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	state, err := filled(request.PlannedState, p.resources[request.TypeName], created)
	return &tfprotov6.ApplyResourceChangeResponse{NewState: state}, err
}

func (p provider) ReadDataSource(
	_ context.Context, request *tfprotov6.ReadDataSourceRequest,
) (*tfprotov6.ReadDataSourceResponse, error) {
	state, err := filled(request.Config, p.data[request.TypeName], created)
	return &tfprotov6.ReadDataSourceResponse{State: state}, err
}

func main() {
	var told struct{ Resources, Data map[string]block }
	if err := json.Unmarshal(recorded, &told); err != nil {
		log.Fatal(err)
	}
	made := provider{resources: schemas(told.Resources), data: schemas(told.Data)}
	serve := func() tfprotov6.ProviderServer { return made }
	if err := tf6server.Serve("registry.terraform.io/hashicorp/google", serve); err != nil {
		log.Fatal(err)
	}
}
